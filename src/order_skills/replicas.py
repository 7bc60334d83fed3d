"""Whether several processes may serve the same stores: what they share has to be in one place."""

from pathlib import Path

from order_skills.errors import ConfigurationError
from order_skills.settings import Settings
from order_skills.webhooks.secret_file import SecretFile


def check(found: Settings) -> None:
    """Refuse settings that declare replicas and leave to each what all of them must know.

    A sandbox has a store, an account and a ledger of its own in each process: nothing is shared.

    Raises:
        ConfigurationError: the ledger is a file, or a store's webhook secrets are kept in one.
    """
    if found.http.replicas == 1 or found.sandbox:
        return
    if isinstance(found.ledger, Path):
        raise ConfigurationError(
            "http.replicas",
            f"is {found.http.replicas}, and several replicas share refunds in PostgreSQL alone: "
            "set ORDER_SKILLS_LEDGER to a postgresql:// address (`order-skills ledger migrate` "
            "takes the refunds of a file along), or set replicas to 1",
        )
    for store in found.stores:
        if SecretFile(found.home, store.name).is_there():
            raise ConfigurationError(
                f"stores.{store.name}.webhook_secrets",
                f"has to hold every secret of {store.name}'s webhooks where there are several "
                f"replicas, and webhook-secrets-{store.name}.json in ORDER_SKILLS_HOME holds some "
                "for this one alone: move them, then remove the file",
            )
