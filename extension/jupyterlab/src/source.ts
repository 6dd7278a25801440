import { showErrorMessage } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import { Cell } from '@jupyterlab/cells';
import { NotebookPanel } from '@jupyterlab/notebook';
import { CommandRegistry } from '@lumino/commands';

export interface Source {
  file: string;
  line: number;                          // from 1
  cell: string;                          // "In [3]", or ""
}

/** Shows a source line: the notebook's cell that ran it, else the file, opened. */
export async function openSource(source: Source, notebook: NotebookPanel | null, commands: CommandRegistry): Promise<void> {
  if (source.cell) {
    await openCell(source, notebook);
    return;
  }
  const path = contentsPath(source.file);
  if (path === null) {
    await showErrorMessage('Tapescope', `${source.file} lies outside the folder that JupyterLab serves (line ${source.line}).`);
    return;
  }
  const widget: any = await commands.execute('docmanager:open', { path, factory: 'Editor' });
  await widget?.context?.ready;
  placeCursor(widget?.content?.editor, source.line);
}

/** The cell that ran as "In [3]"; one that still runs has no number yet. */
export function cellOf(name: string, notebook: NotebookPanel): Cell | undefined {
  const count = Number(/\d+/.exec(name)?.[0] ?? NaN);
  const cells = notebook.content.widgets;
  return cells.find(cell => (cell.model as any).executionCount === count) ?? cells.find(cell => (cell.model as any).executionState === 'running');
}

/** A line of what ran, as a line of the cell: IPython leaves empty lines at its beginning out. */
export function lineOf(cell: Cell, line: number): number {
  return line + (/^(\s*\n)*/.exec(cell.model.sharedModel.getSource())?.[0].split('\n').length ?? 1) - 1;
}

async function openCell(source: Source, notebook: NotebookPanel | null): Promise<void> {
  const cell = notebook ? cellOf(source.cell, notebook) : undefined;
  if (!notebook || !cell) {
    await showErrorMessage('Tapescope', `${source.cell} is not in this notebook any more: it was run again, or deleted.`);
    return;
  }
  notebook.content.activeCellIndex = notebook.content.widgets.indexOf(cell);
  await notebook.content.scrollToCell(cell, 'center');
  await cell.ready;
  placeCursor(cell.editor, lineOf(cell, source.line));
}

function placeCursor(editor: any, line: number): void {
  if (!editor) {
    return;
  }
  const row = Math.max(0, Math.min(line, editor.lineCount) - 1);
  const column = (editor.getLine(row) ?? '').length;
  editor.focus();
  editor.setSelection({ start: { line: row, column: 0 }, end: { line: row, column } });
  editor.revealPosition?.({ line: row, column: 0 });
}

/** The path as the contents API knows it, or null for a file that it cannot reach. */
export function contentsPath(file: string): string | null {
  const root = PageConfig.getOption('serverRoot').replace(/\/+$/, '');
  if (!file.startsWith('/')) {
    return file;
  }
  // The server may write its root with a tilde; the part after it still ends the absolute path.
  const tail = root.startsWith('~') ? root.slice(1) : root;
  const at = root.startsWith('~') ? file.indexOf(`${tail}/`) : file.startsWith(`${tail}/`) ? 0 : -1;
  return at < 0 ? null : file.slice(at + tail.length + 1);
}
