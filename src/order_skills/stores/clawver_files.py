"""What a customer got of a Clawver order: files, the links to them, and the receipt."""

from urllib.parse import urlencode

from order_skills import http
from order_skills.errors import Code, StoreError
from order_skills.http import Call
from order_skills.orders import Download
from order_skills.stores import clawver_parsing as parsing
from order_skills.stores.base import CustomerLinks, Receipt
from order_skills.stores.clawver_api import Api
from order_skills.stores.reading import exact, identifier, in_minutes, whole, word


class Files(Api):
    """The calls for files, links and receipts. See `base.Store` for what each does."""

    async def download(self, order_id: str, item_id: str) -> Download:
        ids = {"o": order_id, "i": item_id}
        call = Call("GET", "/orders/{o}/download/{i}", ids, missing=Code.ITEM_NOT_FOUND)
        data = (await self._read(call))["data"]
        url, minutes = exact(data, "downloadUrl"), data.get("expiresInMinutes")
        if url is None or not url.startswith(("https://", "http://")):
            raise self._bad("it holds no download link")
        return Download(
            item_id=item_id,
            file_name=word(data, "fileName"),
            url=url,
            expires_at=in_minutes(minutes) if type(minutes) is int else None,
            size_bytes=self._parsed(lambda raw: whole(raw, "fileSizeBytes"), data),
        )

    async def customer_links(self, order_id: str) -> CustomerLinks:
        raw = await self._raw_order(order_id)
        order = self._wanted(raw, order_id)
        tokens = parsing.download_tokens(raw)
        checkout_id = identifier(raw, "checkoutId")
        # "Download tokens are issued per order item and can be returned in the receipt."
        if not tokens and checkout_id and http.is_path_id(checkout_id):
            tokens = await self._receipt_tokens(checkout_id)
        links = {item_id: self.download_link(order_id, item_id, t) for item_id, t in tokens.items()}
        return CustomerLinks(order, links)

    async def _receipt_tokens(self, checkout_id: str) -> dict[str, str]:
        try:
            found = await self.receipt(checkout_id)
        except StoreError as error:
            # There is none before the checkout is paid.
            if error.code is not Code.RECEIPT_NOT_FOUND:
                raise
            return {}
        return {i.item_id: i.download_token for i in found.items if i.download_token}

    async def receipt(self, checkout_id: str) -> Receipt:
        ids = {"c": checkout_id}
        # Documented without a key, so none is sent.
        call = Call("GET", "/checkout/{c}/receipt", ids, missing=Code.RECEIPT_NOT_FOUND, key=False)
        data = (await self._read(call))["data"]
        return self._parsed(lambda raw: parsing.receipt(raw, checkout_id), data)

    def status_link(self, order_id: str, token: str) -> str:
        return self._link(Call("GET", "/orders/{o}/public", {"o": order_id}), token)

    def download_link(self, order_id: str, item_id: str, token: str) -> str:
        ids = {"o": order_id, "i": item_id}
        return self._link(Call("GET", "/orders/{o}/download/{i}/public", ids), token)

    def _link(self, call: Call, token: str) -> str:
        return f"{self._root}{call.path()}?{urlencode({'token': token})}"
