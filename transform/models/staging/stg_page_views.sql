with parsed as (

    select
        page_view_id,
        visitor_id,
        viewed_at,
        url,
        regexp_extract(url, '^https?://[^/?#]+([^?#]*)', 1) as page_path,
        {{ url_param('url', 'gclid') }} as gclid,
        {{ url_param('url', 'utm_source') }} as utm_source,
        lower({{ url_param('url', 'utm_medium') }}) as utm_medium,
        nullif(regexp_extract(url, '^https?://([^/?#]+)', 1), '') as host,
        nullif(regexp_extract(referrer, '^https?://([^/?#]+)', 1), '') as referrer_host
    from {{ source('raw', 'page_views') }}

)

select
    page_view_id,
    visitor_id,
    viewed_at,
    url,
    page_path,
    gclid,
    utm_source,
    utm_medium,
    referrer_host,
    -- What the link says goes before where it stood; a click inside the site came from nowhere new.
    case
        when gclid is not null or utm_medium in ('cpc', 'ppc') then 'paid_search'
        when utm_medium = 'email' then 'email'
        when utm_medium = 'social' or referrer_host like 'social.%' then 'social'
        when referrer_host like 'search.%' then 'organic'
        when utm_medium = 'referral' or referrer_host <> host then 'referral'
        else 'direct'
    end as channel
from parsed
