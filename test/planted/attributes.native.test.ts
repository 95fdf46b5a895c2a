/** The suite can fail: attributes that reach the native backend wrongly. It may refuse them: that is a failure too. */
import { nativeBackend } from "../../lib/backend/native/index.js";
import { withAttributeBug } from "./attributeBugs.js";
import { declareAttributeBugs } from "./attributeSuite.js";

declareAttributeBugs((op, bug, body) => body(withAttributeBug(nativeBackend(), op, bug)), /./);
