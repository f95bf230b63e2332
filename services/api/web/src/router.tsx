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

const wall = createRoute({
  getParentRoute: () => root,
  path: "/wall",
  component: lazyRouteComponent(() => import("./pages/wall"), "WallPage"),
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
const live = createRoute({
  getParentRoute: () => shell,
  path: "/live",
  component: lazyRouteComponent(() => import("./pages/live"), "LivePage"),
});
const calls = createRoute({
  getParentRoute: () => shell,
  path: "/calls",
  component: lazyRouteComponent(() => import("./pages/calls"), "CallsPage"),
});
const call = createRoute({
  getParentRoute: () => shell,
  path: "/calls/$id",
  component: lazyRouteComponent(() => import("./pages/call"), "CallPage"),
});
const callbacks = createRoute({
  getParentRoute: () => shell,
  path: "/callbacks",
  component: lazyRouteComponent(() => import("./pages/callbacks"), "CallbacksPage"),
});
const contacts = createRoute({
  getParentRoute: () => shell,
  path: "/contacts",
  component: lazyRouteComponent(() => import("./pages/contacts"), "ContactsPage"),
});
const contact = createRoute({
  getParentRoute: () => shell,
  path: "/contacts/$id",
  component: lazyRouteComponent(() => import("./pages/contact"), "ContactPage"),
});
const reports = createRoute({
  getParentRoute: () => shell,
  path: "/reports",
  component: lazyRouteComponent(() => import("./pages/reports"), "ReportsPage"),
});
const trunks = createRoute({
  getParentRoute: () => shell,
  path: "/trunks",
  component: lazyRouteComponent(() => import("./pages/admin/trunks"), "TrunksPage"),
});
const numbers = createRoute({
  getParentRoute: () => shell,
  path: "/numbers",
  component: lazyRouteComponent(() => import("./pages/admin/numbers"), "NumbersPage"),
});
const flows = createRoute({
  getParentRoute: () => shell,
  path: "/flows",
  component: lazyRouteComponent(() => import("./pages/admin/flows"), "FlowsPage"),
});
const flow = createRoute({
  getParentRoute: () => shell,
  path: "/flows/$id",
  component: lazyRouteComponent(() => import("./pages/admin/flow"), "FlowPage"),
});
const queues = createRoute({
  getParentRoute: () => shell,
  path: "/queues",
  component: lazyRouteComponent(() => import("./pages/admin/queues"), "QueuesPage"),
});
const agents = createRoute({
  getParentRoute: () => shell,
  path: "/agents",
  component: lazyRouteComponent(() => import("./pages/admin/agents"), "AgentsPage"),
});
const users = createRoute({
  getParentRoute: () => shell,
  path: "/users",
  component: lazyRouteComponent(() => import("./pages/admin/users"), "UsersPage"),
});
const departments = createRoute({
  getParentRoute: () => shell,
  path: "/departments",
  component: lazyRouteComponent(() => import("./pages/admin/departments"), "DepartmentsPage"),
});
const roles = createRoute({
  getParentRoute: () => shell,
  path: "/roles",
  component: lazyRouteComponent(() => import("./pages/admin/roles"), "RolesPage"),
});
const audit = createRoute({
  getParentRoute: () => shell,
  path: "/audit",
  component: lazyRouteComponent(() => import("./pages/admin/audit"), "AuditPage"),
});
const security = createRoute({
  getParentRoute: () => shell,
  path: "/security",
  component: lazyRouteComponent(() => import("./pages/security"), "SecurityPage"),
});
const prompts = createRoute({
  getParentRoute: () => shell,
  path: "/prompts",
  component: lazyRouteComponent(() => import("./pages/admin/prompts"), "PromptsPage"),
});
const dispositions = createRoute({
  getParentRoute: () => shell,
  path: "/dispositions",
  component: lazyRouteComponent(() => import("./pages/admin/names"), "DispositionsPage"),
});
const wallboards = createRoute({
  getParentRoute: () => shell,
  path: "/wallboards",
  component: lazyRouteComponent(() => import("./pages/admin/wallboards"), "WallboardsPage"),
});
const thresholds = createRoute({
  getParentRoute: () => shell,
  path: "/thresholds",
  component: lazyRouteComponent(() => import("./pages/admin/thresholds"), "ThresholdsPage"),
});
const categories = createRoute({
  getParentRoute: () => shell,
  path: "/categories",
  component: lazyRouteComponent(() => import("./pages/admin/names"), "CategoriesPage"),
});
const skills = createRoute({
  getParentRoute: () => shell,
  path: "/skills",
  component: lazyRouteComponent(() => import("./pages/admin/names"), "SkillsPage"),
});
const apiKeys = createRoute({
  getParentRoute: () => shell,
  path: "/api-keys",
  component: lazyRouteComponent(() => import("./pages/admin/api-keys"), "ApiKeysPage"),
});
const webhooks = createRoute({
  getParentRoute: () => shell,
  path: "/webhooks",
  component: lazyRouteComponent(() => import("./pages/admin/webhooks"), "WebhooksPage"),
});
const webhook = createRoute({
  getParentRoute: () => shell,
  path: "/webhooks/$id",
  component: lazyRouteComponent(() => import("./pages/admin/webhook"), "WebhookPage"),
});

const company = createRoute({
  getParentRoute: () => shell,
  path: "/company",
  component: lazyRouteComponent(() => import("./pages/admin/company"), "CompanyPage"),
});

const tree = root.addChildren([
  wall,
  account.addChildren([signup, login, forgot, reset, verify, invite]),
  shell.addChildren([
    home,
    desk,
    live,
    calls,
    call,
    callbacks,
    contacts,
    contact,
    reports,
    trunks,
    numbers,
    flows,
    flow,
    queues,
    agents,
    users,
    departments,
    roles,
    audit,
    security,
    prompts,
    dispositions,
    categories,
    thresholds,
    wallboards,
    skills,
    apiKeys,
    webhooks,
    webhook,
    company,
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
