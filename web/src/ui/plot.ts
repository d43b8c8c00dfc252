// SPDX-License-Identifier: GPL-2.0-or-later
// plot - uPlot by itself, so that it is read only where a chart is.
import uPlot from "uplot";
export { uPlot };
