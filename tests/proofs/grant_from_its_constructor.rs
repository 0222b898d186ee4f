// must fail: E0624
use panelgate::model::DirectoryVersion;
use panelgate::model::Source;
use panelgate::model::Subject;
use panelgate::policy::AccessRequest;
use panelgate::policy::Grant;

pub fn forged(subject: Subject, request: AccessRequest, version: DirectoryVersion, source: Source) -> Grant {
    Grant::new(subject, request, version, source, Vec::new(), None)
}
