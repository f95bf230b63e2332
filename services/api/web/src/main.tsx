import "./styles.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Problem } from "./api/problem";
import { meQuery, queryClient } from "./api/queries";
import { startLanguages } from "./i18n";
import { router } from "./router";

// A session that ended elsewhere ends here at the next answer that says so.
queryClient.getQueryCache().config.onError = (error) => {
  if (!(error instanceof Problem) || error.status !== 401) return;
  if (!queryClient.getQueryData(meQuery.queryKey)) return;
  void router
    .navigate({ to: "/login", search: { next: location.pathname } })
    .then(() => queryClient.setQueryData(meQuery.queryKey, null));
};

await startLanguages();

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </StrictMode>,
  );
}
