"""Where somebody whose session has ended comes back to."""

from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseRedirect


class SignInMiddleware(LoginRequiredMiddleware):
    def handle_no_permission(self, request: HttpRequest, view_func: Any) -> HttpResponseRedirect:
        """Of a form that was sent, to the page it stood on: most of its addresses cannot be looked at."""
        host, _, path = request.headers.get("Referer", "").partition("://")[2].partition("/")
        if request.method == "POST" and host == request.get_host():
            return redirect_to_login(f"/{path}", self.get_login_url(view_func))
        return super().handle_no_permission(request, view_func)
