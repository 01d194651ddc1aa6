// For the type check of www/ alone: what browsers have that TypeScript does not know, and what the build and the kiosk set.

interface Navigator {
  deviceMemory?: number;
  userAgentData?: { mobile: boolean };
}

/** What a build published, see xtask/src/published.rs. */
interface Build {
  version: string;
  id: string;
  /** By their paths; `sha256` in base64. */
  files: { [path: string]: { size: number; sha256: string } };
  /** The first whose probe, in base64, the browser takes is the one to load. */
  modules: { path: string; probe?: string }[];
  /** Whether another network than our own is inside the modules; left out where it is ours. */
  otherNetwork?: boolean;
  /** The packed model that reads in place of the one inside the module, if the publisher put one there. */
  network?: string;
  /** The operating point of a site that judges in place of the network's own, if the publisher put one there. */
  point?: string;
  /** Whether a person may choose another network or another operating point for a visit; left out where they may. */
  choosesNetwork?: boolean;
  /** Whether a person may save DICOM objects; left out where they may. */
  savesObjects?: boolean;
}

declare var lungglassBuild: Build;
/** The files inside the kiosk, by their paths. */
declare var lungglassFiles: Map<string, Uint8Array<ArrayBuffer>> | undefined;
/** As far as the page uses it. */
declare var trustedTypes: { createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string } } | undefined;
