from django.urls import path

from apps.webhooks import views

app_name = "webhooks"
urlpatterns = [
    path("settings/webhooks", views.webhooks, name="webhooks"),
    path("settings/webhooks/new", views.new, name="new"),
    path("settings/webhooks/<uuid:pk>", views.webhook, name="webhook"),
    path("settings/webhooks/<uuid:pk>/edit", views.edit, name="edit"),
    path("settings/webhooks/<uuid:pk>/secret", views.secret, name="secret"),
    path("settings/webhooks/<uuid:pk>/switch", views.switch, name="switch"),
    path("settings/webhooks/<uuid:pk>/delete", views.delete, name="delete"),
    path("settings/webhooks/<uuid:pk>/test", views.test, name="test"),
    path("settings/webhooks/<uuid:pk>/deliveries/<uuid:of>", views.delivery, name="delivery"),
    path(
        "settings/webhooks/<uuid:pk>/deliveries/<uuid:of>/redeliver",
        views.redeliver,
        name="redeliver",
    ),
]
