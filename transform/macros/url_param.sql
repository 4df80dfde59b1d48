{#- The decoded value of one parameter of a URL's query, or null where it is absent or empty. What follows a # is not
    query, and "xgclid" is not "gclid". -#}
{% macro url_param(url, name) -%}
  nullif(url_decode(regexp_extract(split_part({{ url }}, '#', 1), '[?&]{{ name }}=([^&]*)', 1)), '')
{%- endmacro %}
