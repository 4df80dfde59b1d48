-- Salesforce takes no lead without a last name and a company, so those that are not known get a word that says so.
select
    customer_key,
    email,
    first_name,
    coalesce(last_name, 'not known') as last_name,
    coalesce(account_name, 'not known') as company,
    phone,
    lead_score,
    page_views_30d,
    first_touch_channel,
    last_gclid as gclid
from {{ ref('customer_360') }}
where lifecycle_stage = 'marketingqualifiedlead'
