import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { documents, useMay } from "@/api/queries";
import { BUILT_IN, type Role, isBuiltIn } from "@/api/types";

/** A role by its name: built in, or the company's own. */
export function useRoleName() {
  const { t } = useTranslation();
  const own = useQuery({ ...documents<Role>("roles"), enabled: useMay()("users:read") });
  return (role: string) =>
    isBuiltIn(role) ? t(`role.${role}`) : (own.data?.find((one) => one.id === role)?.name ?? role);
}

/** Built in, then the company's own. An owner is made by owners alone. */
export function RoleOptions({ owner = false }: { owner?: boolean }) {
  const { t } = useTranslation();
  const own = useQuery(documents<Role>("roles"));
  return (
    <>
      {BUILT_IN.filter((role) => owner || role !== "owner").map((role) => (
        <option key={role} value={role}>
          {t(`role.${role}`)}
        </option>
      ))}
      {own.data?.map((role) => (
        <option key={role.id} value={role.id}>
          {role.name}
        </option>
      ))}
    </>
  );
}
