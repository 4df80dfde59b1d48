with as_of as (

    select as_of_date, as_of_date - 30 as window_start from {{ ref('as_of') }}

),

visits as (

    select
        signups.person_id,
        arg_min(views.channel, (views.viewed_at, views.page_view_id)) as first_touch_channel,
        arg_min(views.gclid, (views.viewed_at, views.page_view_id)) filter (views.gclid is not null) as first_gclid,
        arg_max(views.gclid, (views.viewed_at, views.page_view_id)) filter (views.gclid is not null) as last_gclid,
        max(views.viewed_at) as last_viewed_at,
        count(*) filter (views.viewed_at::date > as_of.window_start) as page_views_30d,
        count(*) filter (views.viewed_at::date > as_of.window_start and views.page_path = '/pricing')
            as pricing_views_30d
    from {{ ref('stg_signups') }} as signups
    inner join {{ ref('stg_page_views') }} as views using (visitor_id)
    cross join as_of
    group by signups.person_id

),

signed_up as (

    select person_id, min(signed_up_at) as signed_up_at
    from {{ ref('stg_signups') }}
    group by person_id

),

subscribed as (

    select
        account_id,
        arg_max(plan, (started_on, subscription_id)) filter (is_current) as plan,
        arg_max(seats, (started_on, subscription_id)) filter (is_current) as seats,
        bool_or(is_current and is_paid) as is_customer,
        bool_or(is_paid) as ever_paid,
        min(started_on) filter (is_paid) as customer_since
    from {{ ref('stg_subscriptions') }}
    group by account_id

),

spent as (

    select account_id, sum(amount) as monthly_spend
    from {{ ref('stg_invoices') }}
    cross join as_of
    where is_paid and paid_on > as_of.window_start
    group by account_id

),

joined as (

    select
        people.customer_key,
        people.person_id,
        people.email,
        people.first_name,
        people.last_name,
        people.phone,
        people.account_id,
        accounts.account_key,
        accounts.account_name,
        subscribed.plan,
        subscribed.seats,
        coalesce(spent.monthly_spend, 0)::decimal(12, 2) as monthly_spend,
        coalesce(subscribed.is_customer, false) as is_customer,
        coalesce(subscribed.ever_paid, false) as ever_paid,
        subscribed.customer_since,
        date_diff('month', subscribed.customer_since, as_of.as_of_date) as tenure_months,
        coalesce(visits.first_touch_channel, 'direct') as first_touch_channel,
        visits.first_gclid,
        visits.last_gclid,
        coalesce(visits.page_views_30d, 0)::integer as page_views_30d,
        coalesce(visits.pricing_views_30d, 0)::integer as pricing_views_30d,
        signed_up.signed_up_at,
        greatest(signed_up.signed_up_at, visits.last_viewed_at) as last_seen_at
    from {{ ref('stg_people') }} as people
    left join {{ ref('stg_accounts') }} as accounts using (account_id)
    left join subscribed using (account_id)
    left join spent using (account_id)
    left join signed_up using (person_id)
    left join visits using (person_id)
    cross join as_of

),

scored as (

    select
        *,
        (
            least(4 * page_views_30d, 40)
            + if(pricing_views_30d > 0, 15, 0)
            + if(signed_up_at is not null, 15, 0)
            + if(last_gclid is not null, 5, 0)
            + if(account_id is not null, 10, 0)
            + case plan when 'starter' then 5 when 'team' then 10 when 'business' then 15 else 0 end
        )::integer as lead_score
    from joined

)

select
    *,
    case
        when is_customer then 'customer'
        when ever_paid then 'other'
        when lead_score >= 50 then 'marketingqualifiedlead'
        when signed_up_at is not null then 'lead'
        else 'subscriber'
    end as lifecycle_stage
from scored
