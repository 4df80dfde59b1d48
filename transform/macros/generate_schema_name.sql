{#- dbt would prefix the schema with the profile's own ("main_raw"). Here a schema is called what the project
    file calls it, so that taps and grants have one name to know. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {{ custom_schema_name | trim if custom_schema_name else target.schema }}
{%- endmacro %}
