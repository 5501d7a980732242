# SPDX-License-Identifier: GPL-2.0-only
"""The policy in a domain's metadata.

    <metadata>
      <rmp-enforce xmlns='https://rmp-enforce.invalid/libvirt/1'
                   mode='strict' action='vc' policy='first_touch=report'/>
    </metadata>
"""

import xml.etree.ElementTree as ElementTree

from .errors import RmpctlError

NAMESPACE = "https://rmp-enforce.invalid/libvirt/1"
TAG = f"{{{NAMESPACE}}}rmp-enforce"
ATTRIBUTES = ("mode", "action", "policy", "required")


class Policy:
    """What a domain's XML asks for."""

    def __init__(self, xml):
        try:
            root = ElementTree.fromstring(xml)
        except ElementTree.ParseError as error:
            raise RmpctlError(f"the domain's XML can't be read: {error}.") from None
        found = root.findall(f"metadata/{TAG}")
        self.element = found[0] if found else None
        security = root.find("launchSecurity")
        self.is_snp = security is not None and security.get("type") == "sev-snp"

    @property
    def is_there(self):
        return self.element is not None

    @property
    def is_required(self):
        return self.element.get("required", "no") == "yes"

    def assignments(self):
        """Words as 'rmpctl set' takes them."""
        unknown = sorted(set(self.element.keys()) - set(ATTRIBUTES))
        if unknown:
            raise RmpctlError(f"<rmp-enforce> has no attribute '{unknown[0]}'; there are "
                              f"{', '.join(ATTRIBUTES)}.")
        if self.element.get("required", "no") not in ("yes", "no"):
            raise RmpctlError("required of <rmp-enforce> is 'yes' or 'no'.")
        words = [f"{name}={self.element.get(name)}" for name in ("mode", "action")
                 if self.element.get(name) is not None]
        words += [w for w in self.element.get("policy", "").replace(",", " ").split() if w]
        if not words:
            raise RmpctlError("<rmp-enforce> asks for nothing: give it mode=, action= or policy=.")
        return words
