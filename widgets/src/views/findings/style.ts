export const STYLE = `
.ts-findings { list-style: none; display: flex; flex-direction: column; gap: 8px; padding: 10px !important; }
.ts-finding { border: 1px solid var(--ts-line); border-left: 3px solid var(--ts-faint); border-radius: 6px; padding: 9px 11px; display: flex; flex-direction: column; gap: 6px; background: var(--ts-bg); }
.ts-finding[data-severity='error'] { border-left-color: var(--ts-trouble); }
.ts-finding[data-severity='warning'] { border-left-color: var(--ts-trouble); border-left-style: dashed; }
.ts-finding[aria-current] { background: var(--ts-panel); border-color: var(--ts-forward); }
.ts-finding-head { display: flex; gap: 8px; align-items: flex-start; }
.ts-finding-head > strong { font-weight: 600; overflow-wrap: anywhere; }
.ts-sign { flex: none; width: 17px; height: 17px; margin-top: 1px; border-radius: 9px; display: inline-flex; align-items: center; justify-content: center; font-size: 10px; font-weight: 700; background: var(--ts-inset); color: var(--ts-muted); }
.ts-finding[data-severity='error'] .ts-sign { background: var(--ts-trouble); color: var(--ts-bg); }
.ts-finding[data-severity='warning'] .ts-sign { background: var(--ts-trouble-soft); color: var(--ts-trouble); }
.ts-finding p { overflow-wrap: anywhere; }
.ts-finding > .ts-row { flex-wrap: wrap; }
.ts-finding-facts { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 10px; }
.ts-measure { display: inline-flex; align-items: center; gap: 5px; }
.ts-measure > i { width: 56px; height: 4px; border-radius: 2px; background: var(--ts-inset); overflow: hidden; display: inline-block; }
.ts-measure > i > i { display: block; height: 100%; background: var(--ts-trouble); }
.ts-finding[data-severity='info'] .ts-measure > i > i { background: var(--ts-faint); }
.ts-source { display: flex; gap: 8px; align-items: baseline; min-width: 0; width: 100%; padding: 4px 8px; border: 0; border-radius: 4px; background: var(--ts-inset); color: var(--ts-fg); font: 11.5px/1.4 var(--ts-mono); text-align: left; }
.ts-source > span { white-space: nowrap; }
.ts-source:not(:disabled) { cursor: pointer; }
.ts-source:not(:disabled):hover { background: var(--ts-line); }
.ts-source code { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font: inherit; color: inherit; background: none; }
`;
