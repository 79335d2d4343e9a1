"""The addresses of the dashboard."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.i18n import set_language

from integration.sign_in_limit import SignInForm

urlpatterns = [
    path(
        "login/",
        auth.LoginView.as_view(template_name="integration/login.html", authentication_form=SignInForm),
        name="login",
    ),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path(
        "password/",
        auth.PasswordChangeView.as_view(template_name="integration/password.html", success_url="/"),
        name="password",
    ),
    path("language/", login_not_required(set_language), name="set_language"),
    path("admin/", admin.site.urls),
    path("", include("integration.urls")),
]
