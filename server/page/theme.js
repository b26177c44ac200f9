/** Light or dark: as the system says, until the reader says otherwise. Runs before first paint. */
'use strict';
(() => {
    const KEY = 'eigentensor-theme';
    const dark = matchMedia('(prefers-color-scheme: dark)');
    let chosen = null;
    try {
        chosen = localStorage.getItem(KEY);
    } catch {
        /* storage may be forbidden; then a choice lasts as long as the page */
    }

    function apply() {
        const theme = chosen ?? (dark.matches ? 'dark' : 'light');
        document.documentElement.dataset.theme = theme;
        const button = document.getElementById('theme');
        if (button) button.textContent = theme === 'dark' ? 'Light' : 'Dark';
        if (button) button.ariaLabel = `Switch to ${button.textContent.toLowerCase()} colours`;
    }

    apply();
    dark.addEventListener('change', apply);
    addEventListener('DOMContentLoaded', () => {
        apply();
        document.getElementById('theme').addEventListener('click', () => {
            chosen = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
            try {
                localStorage.setItem(KEY, chosen);
            } catch {
                /* as above */
            }
            apply();
        });
    });
})();
