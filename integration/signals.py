"""What the rest of the service may listen to."""

from django.dispatch import Signal

# Sent once after a product update is committed and changed something.
# Arguments: outlet_id (int), changed_count (int).
product_updated = Signal()
