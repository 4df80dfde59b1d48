with people as (

    select
        account_id,
        count(*) as known_people,
        sum(page_views_30d)::integer as page_views_30d,
        max(lead_score) as best_lead_score,
        arg_min(first_touch_channel, (signed_up_at, person_id)) filter (signed_up_at is not null) as first_touch_channel,
        arg_min(first_gclid, (signed_up_at, person_id)) filter (first_gclid is not null) as first_touch_gclid,
        arg_max(last_gclid, (last_seen_at, person_id)) filter (last_gclid is not null) as last_touch_gclid,
        max(last_seen_at) as last_seen_at
    from {{ ref('customer_360') }}
    where account_id is not null
    group by account_id

),

plans as (

    select
        account_id,
        any_value(plan) as plan,
        any_value(seats) as seats,
        any_value(monthly_spend) as monthly_spend,
        any_value(customer_since) as customer_since,
        any_value(tenure_months) as tenure_months,
        bool_or(is_customer) as is_customer
    from {{ ref('customer_360') }}
    where account_id is not null
    group by account_id

)

select
    accounts.account_key,
    accounts.account_name,
    accounts.domain,
    accounts.country,
    plans.plan,
    plans.seats,
    plans.monthly_spend,
    plans.customer_since,
    plans.tenure_months,
    plans.is_customer,
    people.known_people,
    people.page_views_30d,
    people.best_lead_score,
    coalesce(people.first_touch_channel, 'direct') as first_touch_channel,
    people.first_touch_gclid,
    people.last_touch_gclid,
    people.last_seen_at
from {{ ref('stg_accounts') }} as accounts
inner join plans using (account_id)
inner join people using (account_id)
