select
    invoice_id,
    account_id,
    amount,
    currency,
    status = 'paid' as is_paid,
    issued_on,
    paid_on
from {{ source('raw', 'invoices') }}
