/** What the name of a container's token variable begins with; the resource name follows as it is, `/` and `.` included. */
const PREFIX = 'NSM_SRIOV_TOKENS_';

/** The environment that tells a container its tokens: `NSM_SRIOV_TOKENS_<domain>/<capability>=<id>,<id>`; none for no ids. */
export function tokenEnvironment(resource: string, ids: readonly string[]): Record<string, string> {
  return ids.length === 0 ? {} : { [PREFIX + resource]: ids.join(',') };
}
