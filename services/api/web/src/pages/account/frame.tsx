import { Outlet } from "@tanstack/react-router";
import { LanguageSelect } from "@/components/shell/language";
import { Logo } from "@/components/shell/logo";
import { ThemeButton } from "@/components/shell/theme";

/** Around the pages that one sees without being signed in. */
export function AccountFrame() {
  return (
    <div className="flex min-h-dvh flex-col">
      <header className="flex items-center justify-between gap-3 px-4 py-3">
        <Logo />
        <div className="flex items-center gap-2">
          <LanguageSelect />
          <ThemeButton />
        </div>
      </header>
      <main className="mx-auto flex w-full max-w-md grow flex-col px-4 pt-[6vh] pb-10">
        <Outlet />
      </main>
    </div>
  );
}
