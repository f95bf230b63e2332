import {
  Outlet,
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";
import { meQuery, queryClient } from "./api/queries";
import { LoadFailed, NotFound } from "./components/shell/fallbacks";
import { Waiting } from "./components/ui/loaded";
import { Toasts } from "./components/ui/toast";

const root = createRootRoute({
  component: () => (
    <>
      <Outlet />
      <Toasts />
    </>
  ),
});

// ── for everybody ─────────────────────────────────────────────────────────────

const account = createRoute({
  getParentRoute: () => root,
  id: "account",
  component: lazyRouteComponent(() => import("./pages/account/frame"), "AccountFrame"),
});

const signup = createRoute({
  getParentRoute: () => account,
  path: "/signup",
  component: lazyRouteComponent(() => import("./pages/account/signup"), "SignUpPage"),
});
const login = createRoute({
  getParentRoute: () => account,
  path: "/login",
  validateSearch: (search): { next?: string } => ({
    next: typeof search.next === "string" && /^\/(?!\/)/.test(search.next) ? search.next : undefined,
  }),
  component: lazyRouteComponent(() => import("./pages/account/login"), "LoginPage"),
});
const forgot = createRoute({
  getParentRoute: () => account,
  path: "/forgot",
  component: lazyRouteComponent(() => import("./pages/account/forgot"), "ForgotPage"),
});
const reset = createRoute({
  getParentRoute: () => account,
  path: "/reset/$token",
  component: lazyRouteComponent(() => import("./pages/account/reset"), "ResetPage"),
});
const verify = createRoute({
  getParentRoute: () => account,
  path: "/verify/$token",
  component: lazyRouteComponent(() => import("./pages/account/verify"), "VerifyPage"),
});
const invite = createRoute({
  getParentRoute: () => account,
  path: "/invite/$token",
  component: lazyRouteComponent(() => import("./pages/account/invite"), "InvitePage"),
});

// ── for those who are signed in ───────────────────────────────────────────────

const shell = createRoute({
  getParentRoute: () => root,
  id: "shell",
  beforeLoad: async ({ location }) => {
    const me = await queryClient.ensureQueryData(meQuery);
    if (!me) throw redirect({ to: "/login", search: { next: location.pathname } });
  },
  component: lazyRouteComponent(() => import("./components/shell/shell"), "Shell"),
});

const home = createRoute({
  getParentRoute: () => shell,
  path: "/",
  component: lazyRouteComponent(() => import("./pages/home"), "HomePage"),
});
const desk = createRoute({
  getParentRoute: () => shell,
  path: "/desk",
  component: lazyRouteComponent(() => import("./pages/desk"), "DeskPage"),
});

const tree = root.addChildren([
  account.addChildren([signup, login, forgot, reset, verify, invite]),
  shell.addChildren([
    home,
    desk,
  ]),
]);

export const router = createRouter({
  routeTree: tree,
  defaultPreload: "intent",
  scrollRestoration: true,
  defaultPendingComponent: Waiting,
  defaultErrorComponent: LoadFailed,
  defaultNotFoundComponent: NotFound,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
