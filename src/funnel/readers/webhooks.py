"""Webhooks of Shopify, WooCommerce and Stripe: a JSON body becomes records.

A body that can never become a record raises a `RecordError`. A body that has no records, such as that of a deleted
order, is ignored, and the result has the reason.
"""

from funnel.readers._webhook import BuyerKey, Webhook
from funnel.readers._webhook_apply import MemoryStates, NewestStates, apply, apply_async
from funnel.readers._webhook_body import verify_shopify, verify_stripe, verify_woocommerce
from funnel.readers._webhook_shopify import shopify
from funnel.readers._webhook_stripe import stripe
from funnel.readers._webhook_woocommerce import woocommerce

__all__ = [
    "BuyerKey",
    "MemoryStates",
    "NewestStates",
    "Webhook",
    "apply",
    "apply_async",
    "shopify",
    "stripe",
    "verify_shopify",
    "verify_stripe",
    "verify_woocommerce",
    "woocommerce",
]
