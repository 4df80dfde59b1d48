"""target-intercom: Singer records to Intercom."""
