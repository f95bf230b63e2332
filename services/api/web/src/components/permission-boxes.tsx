import { useTranslation } from "react-i18next";
import type { Permission } from "@/api/types";
import { Checkbox } from "@/components/ui";

type Props = {
  label: string;
  all: Permission[];
  value: string[];
  onChange: (value: string[]) => void;
  error?: string;
};

/** Permissions to choose from, each in words. */
export function PermissionBoxes({ label, all, value, onChange, error }: Props) {
  const { t } = useTranslation();
  const toggled = (one: string) => (value.includes(one) ? value.filter((other) => other !== one) : [...value, one]);
  return (
    <fieldset className="flex flex-col gap-1.5">
      <legend className="mb-1 text-sm font-medium">{label}</legend>
      <div className="grid gap-1.5 sm:grid-cols-2">
        {all.map((one) => (
          <Checkbox
            key={one}
            label={t(`permission.${one.replace(":", "_").replace("-", "_") as PermissionKey}`)}
            checked={value.includes(one)}
            onChange={() => onChange(toggled(one))}
          />
        ))}
      </div>
      {error && (
        <p role="alert" className="text-xs font-medium text-bad">
          {error}
        </p>
      )}
    </fieldset>
  );
}

type PermissionKey = keyof typeof import("@/i18n/en").default.permission;
