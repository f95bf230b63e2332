// Before the first paint, and a file of its own: the content security policy allows no inline script.
(() => {
  const theme = localStorage.getItem("trunkline.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
