# SPDX-License-Identifier: GPL-2.0-only
"""The policy in a domain's metadata.

    <metadata>
      <rmp-enforce xmlns='urn:rmp-enforce:libvirt:1'
                   mode='strict' action='vc' policy='first_touch=report'/>
    </metadata>
"""

import xml.etree.ElementTree as ElementTree

from .errors import RmpctlError

NAMESPACE = "urn:rmp-enforce:libvirt:1"
NAME = "rmp-enforce"
TAG = f"{{{NAMESPACE}}}{NAME}"
ATTRIBUTES = ("mode", "action", "policy", "required")


def _split(tag):
    """(namespace or None, name) of an element, as ElementTree writes it."""
    space, brace, name = tag[1:].partition("}")
    return (space, name) if tag.startswith("{") and brace else (None, tag)


def _looks_like(text, what):
    """Whether a name is this one, but for how it is written."""
    return what in "".join(c for c in text.lower() if c.isalnum())


def _policy_of(root):
    """The policy's element, or None.

    One that looks like it, and is none that we know, must not be ignored: whoever wrote it
    takes the guest for guarded.
    """
    ours = root.findall(f"metadata/{TAG}")
    if len(ours) > 1:
        raise RmpctlError("there are several <rmp-enforce> in the domain's metadata; leave one.")
    for element in root.iter():
        if not isinstance(element.tag, str) or element in ours:
            continue
        space, name = _split(element.tag)
        if not _looks_like(name, "rmpenforce") and not _looks_like(space or "", "rmpenforce"):
            continue
        if space == NAMESPACE:
            why = "stands where it means nothing" if name == NAME else "is none that there is"
        elif space is None:
            why = "has no namespace"
        else:
            why = f"has the namespace '{space}', which this version does not know"
        raise RmpctlError(f"<{name}> {why}, so the guest would not be guarded. Write "
                          f"<{NAME} xmlns='{NAMESPACE}' .../> directly below <metadata>.")
    return ours[0] if ours else None


class Policy:
    """What a domain's XML asks for."""

    def __init__(self, xml):
        try:
            root = ElementTree.fromstring(xml)
        except ElementTree.ParseError as error:
            raise RmpctlError(f"the domain's XML can't be read: {error}.") from None
        self.element = _policy_of(root)
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
        if len(self.element) or (self.element.text or "").strip():
            raise RmpctlError("<rmp-enforce> has something in it, which would mean nothing; all it "
                              "takes are attributes.")
        words = [f"{name}={self.element.get(name)}" for name in ("mode", "action")
                 if self.element.get(name) is not None]
        classes = self.element.get("policy", "").replace(",", " ").split()
        names = [word.partition("=")[0] for word in classes]
        for name in names:
            if name in ("mode", "action"):
                raise RmpctlError(f"policy of <rmp-enforce> is for classes; {name} is an attribute "
                                  "of its own.")
            if names.count(name) > 1:
                raise RmpctlError(f"policy of <rmp-enforce> has {name} more than once.")
        words += classes
        if not words:
            raise RmpctlError("<rmp-enforce> asks for nothing: give it mode=, action= or policy=.")
        return words
