"""Orders from elsewhere: written down at VesuvioPay once, by their external id."""

from order_skills.errors import Code, Happened, StoreError
from order_skills.http import Call
from order_skills.orders import Order
from order_skills.stores import vesuviopay_parsing as parsing
from order_skills.stores.drafts import ImportDraft
from order_skills.stores.reading import Unreadable
from order_skills.stores.vesuviopay_api import Api
from order_skills.stores.vesuviopay_bodies import difference, imported
from order_skills.stores.vesuviopay_errors import EXISTS, differing, worded


class Imports(Api):
    """The calls that import an order. See `base.Store` for what each does."""

    async def import_order(self, draft: ImportDraft) -> tuple[Order, bool]:
        try:
            return await self._imported(draft)
        except StoreError as error:
            if error.happened is Happened.UNKNOWN:
                again = "make the same call again: its external_order_id keeps it one order"
                raise worded(error, error.code, error.message, again) from None
            raise

    async def _imported(self, draft: ImportDraft) -> tuple[Order, bool]:
        call = Call("POST", "/orders", body=imported(draft), missing=Code.NOT_SUPPORTED)
        try:
            answer = await self._write(call)
        except StoreError as error:
            if error.status == 409 and (error.store_code is None or error.store_code in EXISTS):
                return await self._existing(draft, error), True
            raise
        raw = self._data(answer)
        existed = answer.status == 200
        try:
            order = parsing.order(raw, self.name, draft.external_order_id)
            differs = difference(raw, draft)
        except Unreadable:
            # What the answer holds is not documented.
            return await self._existing(draft, None), existed
        if differs is not None:
            raise differing(differs, existed)
        return order, existed

    async def _existing(self, draft: ImportDraft, error: StoreError | None) -> Order:
        """The order that has the draft's external id, if it is the same order.

        Args:
            error: why it was looked for; None: it was made just now.
        """
        happened = Happened.NO if error else Happened.UNKNOWN
        try:
            raw = await self._raw(draft.external_order_id)
            differs = difference(raw, draft)
        except Unreadable as problem:
            raise self._bad(f"{problem}, so it cannot be compared", happened) from None
        except StoreError as missing:
            if error is None:
                raise self._bad("it does not show the order", happened) from None
            raise (error if missing.code is Code.ORDER_NOT_FOUND else missing) from None
        if differs is not None:
            raise differing(differs, error is not None)
        return self._order(raw, draft.external_order_id)
