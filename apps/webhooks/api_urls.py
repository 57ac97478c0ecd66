from django.urls import path

from apps.webhooks import api

app_name = "webhooks_api"
urlpatterns = [
    path("webhooks", api.WebhooksEndpoint.as_view(), name="webhooks"),
    path("webhooks/<uuid:pk>", api.WebhookEndpoint.as_view(), name="webhook"),
    path("webhooks/<uuid:pk>/secret", api.WebhookSecretEndpoint.as_view(), name="secret"),
    path("webhooks/<uuid:pk>/test", api.WebhookTestEndpoint.as_view(), name="test"),
    path("webhooks/<uuid:pk>/deliveries", api.DeliveriesEndpoint.as_view(), name="deliveries"),
    path(
        "webhooks/<uuid:pk>/deliveries/<uuid:of>", api.DeliveryEndpoint.as_view(), name="delivery"
    ),
    path(
        "webhooks/<uuid:pk>/deliveries/<uuid:of>/redeliver",
        api.RedeliverEndpoint.as_view(),
        name="redeliver",
    ),
]
