// Runs before anything is painted: the colours chosen here before; without a choice the system's.
"use strict";
{
  let chosen = null;
  try {
    chosen = localStorage.getItem("pointsman.theme");
  } catch {
    // A browser that keeps nothing still has the system's colours.
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
