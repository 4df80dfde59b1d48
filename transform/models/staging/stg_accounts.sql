select
    account_id,
    'A-' || lpad(account_id::text, 4, '0') as account_key,
    name as account_name,
    domain,
    country,
    created_on
from {{ source('raw', 'accounts') }}
