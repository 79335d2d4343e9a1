"""Talabat (Delivery Hero's Q-Commerce partner API): the endpoint is .../v2/chains/CHAIN_ID, the store id the vendor's.

Gathered from public integrations, not from the vendor's own pages: check every number with the vendor.
"""

from integration.platforms.contract import Contract, FieldMapping, Job, ReadBack, Reading

CONTRACT = Contract(
    auth="oauth2",
    token_url="{api_endpoint}/../../oauth/token",
    token_requests_per_minute=50,
    method="PUT",
    url="{api_endpoint}/vendors/{store_id}/catalog",
    fields=FieldMapping(selling_price="price", stock_status="active"),
    stock_values=(False, True),
    items_key="products",
    requests_per_minute=60,
    errors="",
    job=Job(
        id="job_id",
        url="{api_endpoint}/catalog/jobs/{job_id}",
        done="job_status == 'COMPLETED'",
        failed="job_status == 'FAILED'",
        answer=Reading(
            errors="results",
            error_when="state != 'SUCCESS'",
            error_reason="join('; ', errors)",
            unlisted="unknown",
        ),
    ),
    read_back=ReadBack(
        url="{api_endpoint}/vendors/{store_id}/catalog",
        size_parameter="page_size",
        items="products",
        settle_seconds=120,
    ),
)
