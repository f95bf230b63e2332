-- tenancy: a page of a receiver's deliveries in one state.
create index webhook_deliveries_state on webhook_deliveries (webhook, state, id desc);
