export const STYLE = `
.ts-runlist { overflow: auto; }
.ts-runlist table { border-collapse: collapse; font-size: 12px; min-width: 100%; }
.ts-runlist th, .ts-runlist td { padding: 3px 10px 3px 4px; text-align: left; white-space: nowrap; border-bottom: 1px solid var(--ts-line); max-width: 220px; overflow: hidden; text-overflow: ellipsis; }
.ts-runlist th { font-weight: 600; color: var(--ts-muted); position: sticky; top: 0; background: var(--ts-bg); }
.ts-runlist th button { border: 0; background: none; font: inherit; color: inherit; padding: 0; cursor: pointer; }
.ts-runlist th[data-result] { color: var(--ts-fg); }
.ts-runlist .ts-num { text-align: right; font-variant-numeric: tabular-nums; } .ts-runlist td.ts-num { font-family: var(--ts-mono); font-size: 11.5px; }
.ts-runlist tbody tr:hover td { background: var(--ts-panel); } .ts-runlist tr[aria-current] td { background: color-mix(in srgb, var(--ts-forward) 12%, transparent); }
.ts-runlist-open { border: 0; background: none; font: inherit; color: var(--ts-forward); padding: 1px 2px; cursor: pointer; border-radius: 3px; text-align: left; }
.ts-runlist-open:hover { text-decoration: underline; }
.ts-runlist-group th, .ts-runlist-group td { background: var(--ts-panel); color: var(--ts-fg) !important; } .ts-runlist thead th { z-index: 1; } .ts-runlist-group th { position: static; }
.ts-bands { margin: 0; padding: 4px 8px 6px; display: flex; gap: 10px; flex: none; flex-wrap: wrap; border-bottom: 1px solid var(--ts-line); }
.ts-bands-plot { position: relative; flex: 3 1 280px; height: 190px; } .ts-bands-plot canvas { position: absolute; inset: 0; width: 100%; height: 100%; }
.ts-bands ul { flex: 1 1 180px; list-style: none; margin: 0; padding: 4px 0; max-height: 190px; overflow: auto; font-size: 12px; }
.ts-bands li { display: flex; flex-wrap: wrap; gap: 0 6px; align-items: baseline; padding: 2px 0; } .ts-bands li .ts-clip { flex: 1 1 calc(100% - 18px); }
.ts-bands li .ts-mono { margin-left: 18px; white-space: nowrap; } .ts-bands li i { flex: none; width: 12px; height: 3px; border-radius: 2px; align-self: center; }
.ts-runlist td[data-bad] { color: var(--ts-trouble); white-space: normal; max-width: none; }
`;
