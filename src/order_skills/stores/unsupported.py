"""What a platform's API has nothing for. An adapter overrides what its platform has.

The tools read `Capabilities` and ask for none of this; who does so all the same is told.
"""

from typing import Any, NoReturn

from order_skills.errors import Code, Refusal
from order_skills.stores.base import Capabilities


class Unsupported:
    """Refuses every call that not all platforms have."""

    capabilities: Capabilities

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        title = self.capabilities.title
        raise Refusal(
            Code.NOT_SUPPORTED,
            f"{title}'s API cannot do this",
            f"ask the owner to do it in {title}'s dashboard",
        )

    async def _refuse_call(self, *_: Any, **__: Any) -> NoReturn:
        self._refuse()

    # Any: what overrides one of them has its own signature, which `base.Store` holds it to.
    refund: Any = _refuse_call
    cancel: Any = _refuse_call
    update_status: Any = _refuse_call
    import_order: Any = _refuse_call
    link: Any = _refuse_call
    record: Any = _refuse_call
    download: Any = _refuse_call
    customer_links: Any = _refuse_call
    receipt: Any = _refuse_call
    product: Any = _refuse_call
    list_webhooks: Any = _refuse_call
    create_webhook: Any = _refuse_call
    delete_webhook: Any = _refuse_call
    status_link: Any = _refuse
    download_link: Any = _refuse
