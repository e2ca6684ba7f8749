-- Health of detour.dev VolumeMigration, VolumeMigrationPlan and AttachmentSwitch for Argo CD.
local hs = {status = "Progressing", message = "not visited yet"}

if obj.status == nil or obj.status.conditions == nil then
  return hs
end
if obj.status.observedGeneration ~= nil and obj.status.observedGeneration ~= obj.metadata.generation then
  hs.message = "waiting for the latest change to be seen"
  return hs
end

local told = {}
for _, condition in ipairs(obj.status.conditions) do
  told[condition.type] = condition
end

local function is(kind, status)
  return told[kind] ~= nil and told[kind].status == status
end

if told.Ready ~= nil then
  hs.message = told.Ready.message
end
if is("Stalled", "True") then
  hs.status = "Degraded"
  hs.message = told.Stalled.message
elseif is("Ready", "True") then
  hs.status = "Healthy"
elseif is("Accepted", "False") then
  hs.status = "Degraded"
  hs.message = told.Accepted.message
elseif is("HandedOver", "False") and told.HandedOver.reason == "WaitingForDeclaration" then
  hs.status = "Suspended"
  hs.message = told.HandedOver.message
elseif told.Succeeded ~= nil and told.Succeeded.reason == "Holding" then
  hs.status = "Suspended"
end
return hs
