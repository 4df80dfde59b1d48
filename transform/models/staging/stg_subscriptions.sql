select
    subscription_id,
    account_id,
    plan_code as plan,
    plan_code <> 'free' as is_paid,
    seats,
    status,
    status <> 'ended' as is_current,
    started_on,
    ended_on
from {{ source('raw', 'subscriptions') }}
