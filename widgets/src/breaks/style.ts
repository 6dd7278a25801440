/** Rules of breakpoint lists; colours by token only. */

export const BREAKS_CSS = `
.ts-breaks { display: flex; flex-direction: column; gap: 8px; }
.ts-breaks-quick { display: flex; flex-wrap: wrap; gap: 4px 14px; }
.ts-breaks label { display: inline-flex; align-items: center; gap: 5px; } .ts-breaks input[type='checkbox'] { margin: 0; accent-color: var(--ts-forward); width: 14px; height: 14px; flex: none; }
.ts-breaks ul { list-style: none; display: grid; grid-template-columns: minmax(0, 1fr); gap: 4px; } .ts-breaks ul:empty { display: none; }
.ts-breaks li { display: grid; grid-template-columns: auto auto minmax(0, 1fr) auto; align-items: center; gap: 1px 7px; padding: 4px 4px 4px 8px; border: 1px solid var(--ts-line); border-radius: 6px; }
.ts-breaks li[data-hit] { border-color: var(--ts-trouble); box-shadow: inset 3px 0 var(--ts-trouble); }
.ts-break-words { appearance: none; border: 0; background: none; padding: 2px 0; margin: 0; font: inherit; color: var(--ts-fg); text-align: left; cursor: pointer; overflow-wrap: anywhere; border-radius: 3px; }
.ts-break-words:disabled { cursor: default; } .ts-breaks li[data-off] .ts-break-words { color: var(--ts-muted); }
.ts-break-tools { display: flex; } .ts-break-tools .ts-button { height: 22px; padding: 0 6px; font-size: 11.5px; } .ts-break-tools .ts-button[data-icon] { width: 22px; padding: 0; }
.ts-break-facts { grid-column: 3 / -1; font-size: 11px; color: var(--ts-muted); }
.ts-break-dot { width: 9px; height: 9px; border-radius: 5px; background: var(--ts-trouble); border: 1.5px solid var(--ts-trouble); position: relative; flex: none; }
.ts-break-dot[data-is='off'] { background: none; }
.ts-break-dot[data-is='condition']::after { content: ''; position: absolute; inset: 0.5px; border-block: 1.5px solid var(--ts-bg); margin: 0.5px 0; }
.ts-break-form { grid-column: 1 / -1; display: flex; flex-direction: column; gap: 7px; padding: 8px; margin-top: 4px; border-radius: 6px; background: var(--ts-panel); border: 1px solid var(--ts-line); }
.ts-break-form .ts-row { flex-wrap: wrap; gap: 6px 10px; } .ts-break-form .ts-input { width: auto; min-width: 40px; }
.ts-breaks-problem { padding: 5px 8px !important; border-radius: 5px; background: var(--ts-trouble-soft); border-left: 3px solid var(--ts-trouble); }
.ts-breaks kbd { font: 11px var(--ts-mono); border: 1px solid var(--ts-line); border-bottom-width: 2px; border-radius: 4px; padding: 0 4px; background: var(--ts-panel); }
.ts-leaf-dot { appearance: none; border: 0; background: none; padding: 4px; margin: 0 -2px; cursor: pointer; line-height: 0; border-radius: 4px; } .ts-leaf-dot .ts-break-dot { display: block; } .ts-leaf-dot[aria-pressed='false'] .ts-break-dot { border-color: var(--ts-faint); }
`;
