import { basename, dirname } from 'node:path';
import { type Disposable, EventEmitter, RelativePattern, ThemeIcon, TreeItem, type TreeDataProvider, Uri, workspace } from 'vscode';
import { say } from './words';

const WRITTEN_MS = 5000;                                // a recording that has not grown for this long is not shown as one that runs
const MOST = 2000;

interface Run { path: string; changed: number }

/** The recordings of the workspace, the newest first; those that grow are marked. */
export class Runs implements TreeDataProvider<Run>, Disposable {
  private readonly news = new EventEmitter<void>();
  readonly onDidChangeTreeData = this.news.event;
  private found: Map<string, Run> | null = null;
  private later: ReturnType<typeof setTimeout> | undefined;
  private readonly parts: Disposable[] = [this.news];

  /** Watches from the first time that somebody looks. */
  async getChildren(): Promise<Run[]> {
    if (!this.found) await this.look();
    return [...this.found!.values()].sort((a, b) => b.changed - a.changed || a.path.localeCompare(b.path));
  }

  getTreeItem({ path, changed }: Run): TreeItem {
    const grows = Date.now() - changed < WRITTEN_MS;
    const item = new TreeItem(workspace.asRelativePath(path), 0);
    item.id = path;
    item.resourceUri = Uri.file(path);
    item.iconPath = new ThemeIcon(grows ? 'record' : 'graph-line');
    item.description = grows ? say('is being written') : new Date(changed).toLocaleString();
    item.tooltip = path;
    item.contextValue = 'run';
    item.command = { command: 'tapescope.open', title: say('Open Recording'), arguments: [Uri.file(path)] };
    return item;
  }

  async refresh(): Promise<void> {
    this.found = null;
    this.news.fire();
  }

  /** Paths of all recordings that are known. */
  async paths(): Promise<string[]> {
    return (await this.getChildren()).map(run => run.path);
  }

  private async look(): Promise<void> {
    const first = this.found === null && this.parts.length === 1;
    this.found = new Map();
    for (const uri of await workspace.findFiles('**/tape.db', '**/node_modules/**', MOST)) await this.meet(uri);
    if (!first) return;
    for (const folder of workspace.workspaceFolders ?? []) {
      const watcher = workspace.createFileSystemWatcher(new RelativePattern(folder, '**/tape.db*'));
      const changed = (uri: Uri) => void this.meet(uri).then(() => this.soon(200));
      this.parts.push(watcher, watcher.onDidCreate(changed), watcher.onDidChange(changed), watcher.onDidDelete(uri => {
        if (basename(uri.fsPath) === 'tape.db') this.found?.delete(runOf(uri));
        this.soon(200);
      }));
    }
  }

  private async meet(uri: Uri): Promise<void> {
    const path = runOf(uri);
    try {
      const wal = uri.with({ path: `${uri.path.replace(/-(wal|shm)$/, '')}-wal` }), db = uri.with({ path: uri.path.replace(/-(wal|shm)$/, '') });
      const times = await Promise.all([db, wal].map(u => Promise.resolve(workspace.fs.stat(u)).then(s => s.mtime, () => 0)));
      if (times[0]) this.found?.set(path, { path, changed: Math.max(...times, this.found.get(path)?.changed ?? 0) });
    } catch { /* it has gone meanwhile */ }
  }

  /** Tells the tree, and once more when what grows now may have stopped. */
  private soon(ms: number): void {
    clearTimeout(this.later);
    this.later = setTimeout(() => {
      this.news.fire();
      if ([...(this.found?.values() ?? [])].some(r => Date.now() - r.changed < WRITTEN_MS)) this.soon(WRITTEN_MS);
    }, ms);
  }

  dispose(): void {
    clearTimeout(this.later);
    for (const part of this.parts) part.dispose();
  }
}

/** Processes of one run, `rank0`, `rank1` ..., are one recording. */
function runOf(database: Uri): string {
  const folder = dirname(database.fsPath);
  return /^rank\d+$/.test(basename(folder)) ? dirname(folder) : folder;
}
