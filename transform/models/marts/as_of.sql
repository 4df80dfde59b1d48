-- The last day of which page views are loaded. "In the last 30 days" counts back from here, not from today's date, so
-- that the same rows give the same numbers whenever the models are built.
select max(viewed_at)::date as as_of_date
from {{ ref('stg_page_views') }}
