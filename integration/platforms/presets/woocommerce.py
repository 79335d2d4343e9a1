"""WooCommerce's batch of products: 100 items, prices and stock as text, the answers in the items' order."""

from integration.platforms.contract import Contract, FieldMapping

CONTRACT = Contract(
    auth="basic",
    url="{api_endpoint}/products/batch",
    connection_url="{api_endpoint}/products",
    fields=FieldMapping(selling_price="regular_price"),
    price_format="string",
    stock_values=("outofstock", "instock"),
    items_key="update",
    batch_size=100,
    errors="update",
    error_when="error",
    error_reason="error.message",
    match_by="order",
)
