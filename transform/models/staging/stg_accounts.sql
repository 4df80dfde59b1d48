select
    account_id,
    name as account_name,
    domain,
    country,
    created_on
from {{ source('raw', 'accounts') }}
