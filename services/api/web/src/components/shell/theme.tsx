import { Monitor, Moon, Sun } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/ui";

const STORED = "trunkline.theme";
const THEMES = ["system", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];

const ICONS = { system: Monitor, light: Sun, dark: Moon };

const current = (): Theme => {
  const set = document.documentElement.dataset.theme;
  return set === "light" || set === "dark" ? set : "system";
};

function apply(theme: Theme) {
  if (theme === "system") {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem(STORED);
    return;
  }
  document.documentElement.dataset.theme = theme;
  localStorage.setItem(STORED, theme);
}

/** Steps through: as the system, light, dark. */
export function ThemeButton() {
  const { t } = useTranslation();
  const [theme, setTheme] = useState(current);
  const Icon = ICONS[theme];
  const next = () => {
    const to = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "system";
    apply(to);
    setTheme(to);
  };
  const label = t("shell.theme", { theme: t(`theme.${theme}`) });
  return (
    <Button look="quiet" icon aria-label={label} title={label} onClick={next} data-testid="theme">
      <Icon aria-hidden className="size-4" />
    </Button>
  );
}
