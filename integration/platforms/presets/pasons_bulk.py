"""Pasons' bulk update: an envelope with the store's number, HTTP 200 also for refusals, and a job to ask for."""

from integration.platforms.contract import Contract, FieldMapping, Job, Reading

BULK = "{api_endpoint}/api/v1/bulk-update"
SAYS = {"success": "status == '1'", "error_sku": "product_code", "error_reason": "error"}

CONTRACT = Contract(
    auth="oauth2",
    token_url="{api_endpoint}/oauth/token",
    token_scope="update:prices update:stock update:enabled",
    token_requests_per_minute=10,
    url=f"{BULK}/price-stock",
    fields=FieldMapping(sku="product_code", stock_status="stock"),
    item_copies={"enabled": "stock_status"},
    items_key="items",
    store_id_key="store_id",
    store_id_format="number",
    batch_size=1000,
    requests_per_minute=100,
    **SAYS,
    errors="failed_items",
    accepted_count="success_count",
    job=Job(
        id="batch_id",
        url=f"{BULK}/status/{{job_id}}",
        done="data.state == 'completed'",
        failed="data.state == 'failed'",
        items_url=f"{BULK}/logs/{{job_id}}?status=failed&per_page=100&page={{page}}",
        answer=Reading(**SAYS, errors="data.items"),
    ),
)
