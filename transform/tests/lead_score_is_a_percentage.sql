-- The score is a sum of parts; a part that is added later must not lift it over 100.
select customer_key, lead_score
from {{ ref('customer_360') }}
where lead_score is null or lead_score not between 0 and 100
