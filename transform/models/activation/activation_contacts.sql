select
    customer_key,
    email,
    first_name,
    last_name,
    phone,
    lifecycle_stage,
    account_key,
    account_name,
    plan,
    seats,
    monthly_spend,
    lead_score,
    last_gclid as gclid,
    first_gclid as first_touch_gclid,
    first_touch_channel,
    signed_up_at::date as signup_date,
    last_seen_at,
    is_customer,
    page_views_30d
from {{ ref('customer_360') }}
where email is not null or signed_up_at is not null
