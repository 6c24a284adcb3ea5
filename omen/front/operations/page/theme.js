// Light or dark: as the system says, or as the switch does. The choice stays in this browser.

import { byId, setText } from "./dom.js";

const NAME = "omen-theme";
const THEMES = ["system", "light", "dark"];

/** Apply the kept choice, and let the button go through them. */
export function prepareTheme() {
  const button = byId("theme");
  let theme = localStorage.getItem(NAME) ?? "system";
  const apply = () => {
    if (!THEMES.includes(theme)) theme = "system";
    document.documentElement.dataset.theme = theme;
    setText(button, `Theme: ${theme}`);
  };
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    localStorage.setItem(NAME, theme);
    apply();
  });
  apply();
}
