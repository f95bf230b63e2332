import { useMutation } from "@tanstack/react-query";
import { Link, Outlet, useNavigate } from "@tanstack/react-router";
import { LockKeyhole, LogOut, Menu as MenuIcon, UserRound } from "lucide-react";
import { Suspense, lazy, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { post, rememberCsrf } from "@/api/client";
import { meQuery, queryClient, useMay, useMe } from "@/api/queries";
import { Button, Drawer, Menu, MenuItem, MenuLabel, MenuLine } from "@/components/ui";
import { LANGUAGES, isLanguage, setLanguage } from "@/i18n";
import { useRoleName } from "@/pages/admin/role-name";
import { Logo } from "./logo";
import { SETTINGS, WORK, seen } from "./navigation";
import { ThemeButton } from "./theme";

const DeskBar = lazy(() => import("@/desk/bar"));
const Palette = lazy(() => import("./palette"));

/** Around every page of those who are signed in. */
export function Shell() {
  const { t } = useTranslation();
  const may = useMay();
  const [open, setOpen] = useState(false);
  const close = () => setOpen(false);
  return (
    <div className="min-h-dvh lg:grid lg:grid-cols-[13.5rem_1fr]">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-60 focus:rounded-md focus:bg-surface focus:px-3 focus:py-2"
      >
        {t("shell.skip")}
      </a>
      <aside className="sticky top-0 hidden h-dvh overflow-y-auto border-r border-line bg-surface lg:block">
        <Navigation />
      </aside>
      <Drawer open={open} onClose={close} title={t("shell.navigation")}>
        <Navigation onGo={close} />
      </Drawer>
      <div className="flex min-w-0 flex-col">
        <header className="sticky top-0 z-30 flex min-h-13 items-center gap-2 border-b border-line bg-surface px-3 py-1.5 lg:px-5">
          <Button
            look="quiet"
            icon
            className="lg:hidden"
            aria-label={t("shell.navigation")}
            onClick={() => setOpen(true)}
          >
            <MenuIcon aria-hidden className="size-5" />
          </Button>
          <div className="min-w-0 grow">
            {may("desk") && (
              <Suspense fallback={null}>
                <DeskBar />
              </Suspense>
            )}
          </div>
          <Suspense fallback={null}>
            <Palette />
          </Suspense>
          <ThemeButton />
          <UserMenu />
        </header>
        <main id="main" tabIndex={-1} className="grow p-3 pb-16 outline-none sm:p-5">
          <Outlet />
        </main>
      </div>
    </div>
  );
}

function Navigation({ onGo }: { onGo?: () => void }) {
  const { t } = useTranslation();
  const { permissions, company } = useMe();
  const settings = seen(SETTINGS, permissions);
  const list = (places: typeof WORK) => (
    <ul className="flex flex-col gap-0.5">
      {places.map(({ to, label, icon: Icon }) => (
        <li key={to}>
          <Link
            to={to}
            onClick={onGo}
            activeOptions={{ exact: to === "/" }}
            data-testid={`nav-${label}`}
            className="flex items-center gap-2.5 rounded-md px-2.5 py-1.5 text-sm text-muted -outline-offset-2 hover:bg-sunken hover:text-ink aria-[current=page]:bg-accent-soft aria-[current=page]:font-medium aria-[current=page]:text-accent"
          >
            <Icon aria-hidden className="size-4 shrink-0" />
            {t(`nav.${label}`)}
          </Link>
        </li>
      ))}
    </ul>
  );
  return (
    <div className="flex min-h-full flex-col gap-4 p-3">
      <div className="px-1.5 pt-1">
        <Logo />
        <p className="mt-1 truncate text-xs text-muted">{company}</p>
      </div>
      <nav aria-label={t("shell.navigation")} className="flex flex-col gap-4">
        {list(seen(WORK, permissions))}
        {settings.length > 0 && (
          <div>
            <p className="px-2.5 pb-1 text-xs font-medium text-muted">{t("nav.settings")}</p>
            {list(settings)}
          </div>
        )}
      </nav>
    </div>
  );
}

function UserMenu() {
  const { t, i18n } = useTranslation();
  const me = useMe();
  const roleName = useRoleName();
  const navigate = useNavigate();
  useEffect(() => {
    if (isLanguage(me.language) && !localStorage.getItem("trunkline.language")) {
      void setLanguage(me.language, false);
    }
  }, [me.language]);
  const logOut = useMutation({
    mutationFn: () => post("/logout"),
    onSettled: async () => {
      if (me.permissions.includes("desk")) (await import("@/desk/desk")).desk.close();
      rememberCsrf(null);
      await navigate({ to: "/login", search: {} });
      queryClient.clear();
      queryClient.setQueryData(meQuery.queryKey, null);
    },
  });
  const trigger = (
    <Button look="quiet" data-testid="user-menu" aria-label={t("shell.userMenu", { name: me.name })}>
      <UserRound aria-hidden className="size-4" />
      <span className="hidden max-w-40 truncate sm:inline">{me.name}</span>
    </Button>
  );
  return (
    <Menu trigger={trigger}>
      <MenuLabel>
        {me.email}
        <br />
        {me.role ? roleName(me.role) : ""}
      </MenuLabel>
      <MenuItem onSelect={() => void navigate({ to: "/security" })}>
        <LockKeyhole aria-hidden className="size-4" />
        <span data-testid="nav-security">{t("nav.security")}</span>
      </MenuItem>
      <MenuLine />
      <MenuLabel>{t("shell.language")}</MenuLabel>
      {Object.entries(LANGUAGES).map(([code, name]) => (
        <MenuItem
          key={code}
          checked={i18n.language === code}
          onSelect={() => isLanguage(code) && void setLanguage(code)}
        >
          {name}
        </MenuItem>
      ))}
      <MenuLine />
      <MenuItem onSelect={() => logOut.mutate()}>
        <LogOut aria-hidden className="size-4" />
        <span data-testid="logout">{t("shell.logOut")}</span>
      </MenuItem>
    </Menu>
  );
}
