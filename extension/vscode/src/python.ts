import { extensions, Uri, workspace } from 'vscode';

interface Environments {
  getActiveEnvironmentPath(resource?: Uri): { path: string };
  resolveEnvironment(path: { path: string }): Promise<{ executable: { uri?: Uri } } | undefined>;
}

/** The interpreter that reads recordings: the setting where there is one, else what the Python extension has chosen for this place, else the system's. */
export async function interpreter(resource: Uri): Promise<string> {
  const set = workspace.getConfiguration('tapescope', resource).get<string>('pythonPath', '').trim();
  if (set) {
    const folder = workspace.getWorkspaceFolder(resource) ?? workspace.workspaceFolders?.[0];
    return set.replaceAll('${workspaceFolder}', folder?.uri.fsPath ?? '').replace(/^~(?=[\\/])/, process.env.HOME ?? process.env.USERPROFILE ?? '~');
  }
  const python = extensions.getExtension('ms-python.python');
  try {
    const environments = (await python?.activate())?.environments as Environments | undefined;
    if (environments) {
      const path = environments.getActiveEnvironmentPath(resource);
      const found = (await environments.resolveEnvironment(path))?.executable.uri?.fsPath;
      if (found) return found;
    }
  } catch (error) {
    console.warn('tapescope: the Python extension did not answer:', error);
  }
  return process.platform === 'win32' ? 'python' : 'python3';
}
