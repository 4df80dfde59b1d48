-- E-mail addresses stay as they were typed: which of them a CRM accepts, and whether it folds their case, is the
-- CRM's rule, and a row it refuses should show up there with its reason.
select
    'C-' || lpad(person_id::varchar, 6, '0') as customer_key,
    person_id,
    email,
    first_name,
    last_name,
    phone,
    account_id,
    created_at
from {{ source('raw', 'people') }}
