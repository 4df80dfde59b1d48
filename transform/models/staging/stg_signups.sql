select
    signup_id,
    person_id,
    visitor_id,
    signed_up_at
from {{ source('raw', 'signups') }}
